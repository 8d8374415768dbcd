// Most tests wait for the database, or for a span of time that they are about; the processor is seldom the limit.
[assembly: CollectionBehavior(MaxParallelThreads = 8)]
