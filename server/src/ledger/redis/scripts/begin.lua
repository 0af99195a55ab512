-- Begins a history, or finds the one that is there.
-- KEYS: meta, stores, log. ARGV: epoch of a new history, format of the keys and values.
local epoch, format, revision = unpack(redis.call('HMGET', KEYS[1], 'epoch', 'format', 'revision'))
if epoch then
  return {'begun', epoch, format or '', revision or '', 'found'}
end
-- Data without its head is no empty ledger: to begin anew would give old revisions a second meaning.
if redis.call('EXISTS', KEYS[2], KEYS[3]) > 0 then
  return {'headless'}
end
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'format', ARGV[2], 'revision', '0', 'fence', '0')
return {'begun', ARGV[1], ARGV[2], '0', 'new'}
