// node server.mjs DATA_DIR [SOCKET]: serves the database in DATA_DIR until stdin closes, on a Unix socket or, where there is none, on a port of
// this machine; prints {"port":NNNN} or {"port":null} when ready.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import net from 'node:net';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';
import { vector } from '@electric-sql/pglite-pgvector';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';

// A query blocks its whole thread, so this thread stays free to notice the end of stdin.
function supervise(dir, socket) {
  process.umask(0o077);
  mkdirSync(dirname(dir), { recursive: true, mode: 0o700 });
  // So that the lock's name is short, whatever the folder's is.
  process.chdir(dirname(dir));
  const worker = new Worker(new URL(import.meta.url), { workerData: { dir, socket } });
  const stop = () => {
    worker.postMessage('stop');
    setTimeout(() => process.exit(1), 10_000);
  };
  worker.on('message', ({ port, fatal }) => (fatal ? fail(fatal) : console.log(JSON.stringify({ port }))));
  worker.on('error', (error) => fail(error.message));
  worker.on('exit', (code) => process.exit(code));
  // A terminal's Ctrl-C reaches the program that started this one too, and that still needs the database to finish.
  process.once('SIGTERM', stop).on('SIGINT', () => process.stdin.isTTY && stop());
  process.stdin.once('end', stop).once('error', stop).resume();
}

function fail(message) {
  console.error(message);
  process.exit(1);
}

// PGlite takes no lock, and two servers on one directory destroy it. A socket, unlike a file, is free again when its owner dies.
async function lock(dir) {
  const hash = createHash('sha256').update(dir).digest('hex').slice(0, 16);
  // Beside the data, where no other user can take its name beforehand.
  const path = process.platform === 'win32' ? `\\\\.\\pipe\\embedded-postgres-${hash}` : `${basename(dir)}.lock`;
  for (let tries = 0; ; tries++) {
    try {
      return await once(net.createServer((socket) => socket.destroy()).listen(path), 'listening');
    } catch (error) {
      if (error.code !== 'EADDRINUSE') throw error;
    }
    const owned = await once(net.connect(path), 'connect').then(() => true, () => false);
    if (!owned) rmSync(path, { force: true });
    else if (tries === 120) throw new Error(`${dir} is in use by another process`);
    else await sleep(100); // the owner may be about to leave
  }
}

async function open({ dir, socket }) {
  await lock(dir);
  const extensions = { vector };
  if (!existsSync(join(dir, 'PG_VERSION'))) {
    // Made aside and then renamed, so that an interrupted start leaves no half-made database.
    const draft = `${dir}.new`;
    rmSync(draft, { recursive: true, force: true });
    await (await PGlite.create({ dataDir: draft, extensions })).close();
    renameSync(draft, dir);
  }
  const db = await PGlite.create({ dataDir: dir, extensions });

  // After a FATAL error PGlite answers nothing sensible any more, so end it rather than leave clients waiting.
  const exec = db.execProtocolRawStream.bind(db);
  db.execProtocolRawStream = (message, options) =>
    exec(message, {
      ...options,
      onRawData(data) {
        const fatal = data[0] === 0x45 && /\0VFATAL\0.*?\0M([^\0]*)/s.exec(Buffer.from(data).toString());
        if (fatal) parentPort.postMessage({ fatal: fatal[1] });
        options.onRawData(data);
      },
    });

  const server = new PGLiteSocketServer({ db, ...(socket ? { path: socket } : { host: '127.0.0.1', port: 0 }), maxConnections: 1 });
  // All connections share one session; without this, each would inherit settings, locks and statements of the last.
  server.addEventListener('connection', () => db.exec('DISCARD ALL'));
  await server.start();
  return { db, server };
}

async function serve(place) {
  const opening = open(place);
  parentPort.once('message', async () => {
    const { db, server } = await opening;
    await server.stop();
    await db.close();
    if (place.socket) rmSync(dirname(place.socket), { recursive: true, force: true });
    process.exit(0);
  });
  const { server } = await opening;
  parentPort.postMessage({ port: place.socket ? null : Number(server.getServerConn().split(':').pop()) });
}

if (!isMainThread) await serve(workerData);
else if (process.argv.length === 3 || process.argv.length === 4) supervise(resolve(process.argv[2]), process.argv[3]);
else fail('usage: node server.mjs DATA_DIR [SOCKET]');
