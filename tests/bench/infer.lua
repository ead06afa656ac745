-- For wrk: sends the request that BODY holds (tributary-bench-serve wrote it, its JSON is HEAD bytes long), or, without
-- BODY, GETs; DELAY is a pause of each connection between two requests, in ms. Prints one JSON object at the end.
local body = os.getenv("BODY")
if body then
  local file = assert(io.open(body, "rb"))
  wrk.method = "POST"
  wrk.body = file:read("*a")
  wrk.headers["Inference-Header-Content-Length"] = os.getenv("HEAD")
  wrk.headers["Content-Type"] = "application/octet-stream"
end
local pause = tonumber(os.getenv("DELAY") or "0")
if pause > 0 then
  function delay() return pause end
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format('{\n  "median_us": %d,\n  "p99_us": %d,\n  "per_second": %.1f,\n  "errors": %d\n}\n',
    latency:percentile(50), latency:percentile(99), summary.requests * 1e6 / summary.duration,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
