-- The rows that `flights` is trained on: what was known of each flight at $known_at, with its label.
-- Of rows with the same key and event time, the one that was ingested last counts.
WITH known_flights AS (
  SELECT *, row_number() OVER (PARTITION BY flight_id, event_time ORDER BY ingested_at DESC) AS nth
  FROM flights
  WHERE event_time >= $since AND event_time < $until AND ingested_at <= $known_at
),
known_labels AS (
  SELECT *, row_number() OVER (PARTITION BY flight_id, event_time ORDER BY ingested_at DESC) AS nth
  FROM labels
  WHERE event_time >= $since AND event_time < $until AND ingested_at <= $known_at
)
SELECT
  known_flights.flight_id, known_flights.event_time,
  carrier, origin, dest, distance, departure_hour, temperature, dew_point, humidity,
  wind_speed, precipitation, pressure, visibility, plane_year, plane_seats,
  late
FROM known_flights
JOIN known_labels
  ON known_labels.flight_id = known_flights.flight_id AND known_labels.event_time = known_flights.event_time
WHERE known_flights.nth = 1 AND known_labels.nth = 1 AND late IS NOT NULL
ORDER BY known_flights.event_time, known_flights.flight_id
