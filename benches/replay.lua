-- Replays requests from a file for scripts/bench: wrk -s replay.lua URL -- FILE DEPTH [PAUSE]
-- Each request ends with an empty line; DEPTH of them are sent at once. Before each, a connection
-- rests for PAUSE milliseconds in the mean.

local pool, size, position = {}, 0, 0

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  local depth = tonumber(arguments[2])
  local batch = {}
  for request in file:read("*a"):gmatch("(.-\r\n\r\n)") do
    batch[#batch + 1] = request
    if #batch == depth then
      size = size + 1
      pool[size] = table.concat(batch)
      batch = {}
    end
  end
  file:close()
  local pause = tonumber(arguments[3] or 0)
  if pause > 0 then
    -- wrk calls it if it is there.
    function delay()
      return math.floor(math.random() * 2 * pause + 0.5)
    end
  end
end

function request()
  position = position % size + 1
  return pool[position]
end

-- wrk's own report leaves out the 99.9th percentile; times are in microseconds.
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "bytes": %d, "seconds": %f, "p50": %d, "p99": %d, "p99.9": %d, "max": %d, '
      .. '"connect": %d, "read": %d, "write": %d, "timeout": %d, "status": %d}\n',
    summary.requests, summary.bytes, summary.duration / 1e6,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9), latency.max,
    errors.connect, errors.read, errors.write, errors.timeout, errors.status
  ))
end
