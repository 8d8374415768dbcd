// Most of a test's time is a lease's, which is waiting.
[assembly: CollectionBehavior(MaxParallelThreads = 4)]
