"""`make bench`: runs all benchmarks in sequence, on an otherwise idle machine."""

from benchmarks import (
    april,
    big_batch,
    crossover,
    event_to_table,
    flat_cost,
    glue_on_paper,
    sensor_ticks,
    spark_batch,
    spark_growth,
)

april.main()
event_to_table.main()
sensor_ticks.main()
big_batch.main()
flat_cost.main()
spark_batch.main()
spark_growth.main()
crossover.main()
glue_on_paper.main()
