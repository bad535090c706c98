"""`make bench`: every benchmark, one after the other, on a machine that does nothing else."""

from benchmarks import april, big_batch, flat_cost

april.main()
big_batch.main()
flat_cost.main()
