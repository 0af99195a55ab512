-- Defines what begins a history where there is none.
-- KEYS: meta, log, the records of each kind.
local function put_head(epoch, format, doubt)
  -- Data without its head is no empty ledger: to give its revisions a second meaning would deceive clients that have seen them.
  local last = 0
  for i = 3, #KEYS do
    for _, value in ipairs(redis.call('HVALS', KEYS[i])) do
      last = math.max(last, tonumber(string.match(value, '^%d+')) or 0)
    end
  end
  for _, entry in ipairs(redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)) do
    last = math.max(last, tonumber(string.match(entry[1], '^%d+')))
  end
  if last > 0 then
    doubt = doubt or 'there are records or changes without their head'
  end
  -- Another history cannot be gone on with in the same log. It is put aside for who wants to look.
  if redis.call('EXISTS', KEYS[2]) == 1 then
    redis.call('RENAME', KEYS[2], KEYS[2] .. ':lost')
  end
  redis.call('HSET', KEYS[1], 'epoch', epoch, 'format', format, 'revision', string.format('%.0f', last), 'fence', '0')
  if doubt then
    redis.call('HSET', KEYS[1], 'doubt', doubt)
  end
end
