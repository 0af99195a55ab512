-- Notes that a replica lives, and answers with every replica that does.
-- KEYS: meta, replicas. ARGV from 3: owner, lease in microseconds.
if doubt then
  return {'doubt', doubt}
end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
redis.call('ZADD', KEYS[2], string.format('%.0f', now + tonumber(ARGV[4])), ARGV[3])
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', string.format('%.0f', now))) do
  redis.call('ZREM', KEYS[2], gone)
end
return {'replicas', redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', '+inf')}
