-- README: When customers order: by hour of the day (UTC), how many orders and what they are worth. Run it with: lakehouse query busiest_hours
SELECT
  hour(order_timestamp) AS hour_of_day,
  count(*) AS orders,
  round(CAST(count(*) AS DOUBLE) / (SELECT count(*) FROM orders), 3) AS share_of_orders,
  round(avg(total_amount), 2) AS average_order
FROM orders
GROUP BY hour(order_timestamp)
ORDER BY hour_of_day
