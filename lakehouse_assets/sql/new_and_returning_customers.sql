-- README: For each month, how many customers ordered for the first time and how many came back, and what each of the two spent. Run it with: lakehouse query new_and_returning_customers
WITH numbered AS (
  SELECT user_id, substr("date", 1, 7) AS month, total_amount, min(substr("date", 1, 7)) OVER (PARTITION BY user_id) AS first_month
  FROM orders
)
SELECT
  month,
  count(DISTINCT CASE WHEN month = first_month THEN user_id END) AS new_customers,
  count(DISTINCT CASE WHEN month > first_month THEN user_id END) AS returning_customers,
  round(coalesce(sum(CASE WHEN month = first_month THEN total_amount END), 0), 2) AS spent_by_new,
  round(coalesce(sum(CASE WHEN month > first_month THEN total_amount END), 0), 2) AS spent_by_returning
FROM numbered
GROUP BY month
ORDER BY month
