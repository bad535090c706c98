"""`make bench`: every benchmark, one after the other, on a machine that does nothing else."""

from benchmarks import april, big_batch, crossover, flat_cost, glue_on_paper, spark_batch, spark_growth

april.main()
big_batch.main()
flat_cost.main()
spark_batch.main()
spark_growth.main()
crossover.main()
glue_on_paper.main()
