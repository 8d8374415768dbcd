using System.Text;

namespace EmbeddingFunctions.Core.Tests.Texts;

/// <summary>Texts of many scripts, and such as no person writes.</summary>
internal static class Scripts
{
    private static readonly Dictionary<string, string> _samples = new()
    {
        ["English"] = "The court found that the appeal, lodged on 3 May 2019, couldn't be heard; it's dismissed. ",
        [
            "Norwegian"] = "Kongen kan gi nærmere forskrifter om gjennomføringen av bestemmelsene i § 12-3 første ledd, jf. "
                + "forvaltningsloven. ",
        ["German"] = "Die Rechtsschutzversicherungsgesellschaften prüfen übergroße Schadensfälle während der Übergangsfrist. ",
        ["Polytonic Greek"] = "Μῆνιν ἄειδε θεὰ Πηληϊάδεω Ἀχιλῆος οὐλομένην, ἣ μυρί᾽ Ἀχαιοῖς ἄλγε᾽ ἔθηκε. ",
        ["Russian"] = "Все люди рождаются свободными и равными в своём достоинстве и правах. ",
        ["Georgian"] = "ყველა ადამიანი იბადება თავისუფალი და თანასწორი თავისი ღირსებითა და უფლებებით. ",
        ["Armenian"] = "Բոլոր մարդիկ ծնվում են ազատ ու հավասար իրենց արժանապատվությամբ ու իրավունքներով։ ",
        ["Amharic"] = "የሰው ልጅ ሁሉ ሲወለድ ነጻና በክብርና በመብትም እኩልነት ያለው ነው። ",
        ["Burmese"] = "လူတိုင်းသည် တူညီလွတ်လပ်သော ဂုဏ်သိက္ခာဖြင့် မွေးဖွားလာသူများ ဖြစ်သည်။ ",
        ["Khmer"] = "មនុស្សទាំងអស់កើតមកមានសេរីភាពនិងភាពស្មើគ្នាក្នុងសិទ្ធិនិងសេចក្ដីថ្លៃថ្នូរ។ ",
        ["Tamil"] = "மனிதப் பிறவியினர் சகலரும் சுதந்திரமாகவே பிறக்கின்றனர். ",
        ["Hindi"] = "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता प्राप्त है। ",
        ["Thai"] = "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ",
        ["Arabic"] = "يولد جميع الناس أحرارًا متساوين في الكرامة والحقوق. ",
        ["Hebrew"] = "כל בני אדם נולדו בני חורין ושווים בערכם ובזכויותיהם. ",
        ["Chinese"] = "人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心。",
        ["Japanese"] = "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。",
        ["Korean"] = "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다. ",
        ["Emoji"] = "👩‍👩‍👧‍👦 🇳🇴 😀😀 ❤️ ok 👍🏽 ",
        ["Code"] = "if (x >= 0x1F && !done) {\n\t\treturn items[i++] ?? throw new Exception(\"it's\");\n}\n",
        ["Table"] = "| 12 345,60 | 2019-05-03 |\r\n|-----------|------------|\r\n",
        ["Special"] = "before <|endoftext|> between <|fim_prefix|><|endofprompt|> after ",
    };

    public static IEnumerable<string> Names => _samples.Keys;

    /// <returns>Words of the script in an order of its own, so that no part is like another.</returns>
    public static string Of(string script, int characters, int seed = 1)
    {
        var random = new Random(seed);
        var words = _samples[script].Split(' ');
        var text = new StringBuilder(_samples[script]);
        while (text.Length < characters)
        {
            text.Append(words[random.Next(words.Length)]).Append(' ');
        }

        return text.ToString();
    }

    public static string Random(string alphabet, int characters)
    {
        var random = new Random(1);
        return string.Create(characters, alphabet, (span, letters) => random.GetItems(letters.AsSpan(), span));
    }

    public static string Base64(int bytes)
    {
        var random = new byte[bytes];
        new Random(1).NextBytes(random);
        return Convert.ToBase64String(random);
    }

    /// <returns>Ideographs with no mark or space between them.</returns>
    public static string Ideographs(int characters)
    {
        var random = new Random(1);
        return string.Concat(Enumerable.Range(0, characters).Select(_ => (char)random.Next(0x4E00, 0x9FA5)));
    }
}
