// Most of a test's time is its child process's, and much of that is waiting.
[assembly: CollectionBehavior(MaxParallelThreads = 6)]
