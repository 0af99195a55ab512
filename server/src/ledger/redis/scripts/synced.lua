-- The record that was found may not be synced to disk: Redis may have been killed after it wrote it. A write here makes
-- Redis sync it before the answer. If Redis has no memory for a write, the answer is given all the same.
-- KEYS[1] meta. `who` is anything that names the call. Returns an error, or nothing.
local function synced(who)
  local written = redis.pcall('HSET', KEYS[1], 'answered', who)
  if type(written) == 'table' and written.err and not string.find(written.err, 'OOM ', 1, true) then
    return written
  end
end
