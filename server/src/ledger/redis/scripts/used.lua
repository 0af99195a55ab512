-- Notes when tokens were used last, unless what is kept is nearly as new.
-- KEYS: meta, uses, records of tokens. ARGV from 3: how much newer a time must be, in microseconds, what precedes the id in the
-- uses, then id and time of each in turn.
if doubt then
  return {'doubt', doubt}
end
local coarse, before, kept = tonumber(ARGV[3]), ARGV[4], {}
for i = 5, #ARGV, 2 do
  local field, time = before .. ARGV[i], ARGV[i + 1]
  local last = redis.call('HGET', KEYS[2], field)
  if not last or tonumber(time) - tonumber(last) >= coarse then
    -- One that is gone for good would be kept for ever.
    if redis.call('HGET', KEYS[3], ARGV[i]) then
      redis.call('HSET', KEYS[2], field, time)
      last = time
    end
  end
  kept[#kept + 1] = last or ''
end
return {'kept', kept}
