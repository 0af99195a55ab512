-- Defines what begins a history where there is none.
-- KEYS: meta, stores, log.
local function put_head(epoch, format, doubt)
  -- Data without its head is no empty ledger: to give its revisions a second meaning would deceive whoever has seen them.
  local last = 0
  for _, value in ipairs(redis.call('HVALS', KEYS[2])) do
    last = math.max(last, tonumber(string.match(value, '^%d+')) or 0)
  end
  for _, entry in ipairs(redis.call('XREVRANGE', KEYS[3], '+', '-', 'COUNT', 1)) do
    last = math.max(last, tonumber(string.match(entry[1], '^%d+')))
  end
  if last > 0 then
    doubt = doubt or 'there are stores or changes without their head'
  end
  -- Another history cannot be gone on with in the same log. It is put aside for who wants to look.
  if redis.call('EXISTS', KEYS[3]) == 1 then
    redis.call('RENAME', KEYS[3], KEYS[3] .. ':lost')
  end
  redis.call('HSET', KEYS[1], 'epoch', epoch, 'format', format, 'revision', string.format('%.0f', last), 'fence', '0')
  if doubt then
    redis.call('HSET', KEYS[1], 'doubt', doubt)
  end
end
