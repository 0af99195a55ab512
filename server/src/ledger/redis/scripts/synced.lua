-- What is found may have been written by a process of Redis that was killed before it had synced it. A write of our own has
-- it synced before our answer. Without memory for one, the answer is given nevertheless.
-- KEYS[1] meta. Returns an error, or nothing.
local function synced()
  local written = redis.pcall('HSET', KEYS[1], 'answered', ARGV[4] or '')
  if type(written) == 'table' and written.err and not string.find(written.err, 'OOM ', 1, true) then
    return written
  end
end
