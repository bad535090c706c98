-- README: How long it takes until a customer orders again, in days; those who ordered once come last. Run it with: lakehouse query days_between_orders
WITH following AS (
  SELECT
    CAST(order_timestamp AS DATE) AS day,
    CAST(lead(order_timestamp) OVER (PARTITION BY user_id ORDER BY order_timestamp, order_id) AS DATE) AS next_day
  FROM orders
),
waits AS (
  SELECT date_diff('day', day, next_day) AS days FROM following
)
SELECT
  CASE
    WHEN days IS NULL THEN 'no later order'
    WHEN days = 0 THEN 'same day'
    WHEN days <= 7 THEN '1 to 7 days'
    WHEN days <= 14 THEN '8 to 14 days'
    WHEN days <= 30 THEN '15 to 30 days'
    ELSE 'more than 30 days'
  END AS until_the_next_order,
  count(*) AS orders
FROM waits
GROUP BY 1
ORDER BY min(coalesce(days, 100000))
