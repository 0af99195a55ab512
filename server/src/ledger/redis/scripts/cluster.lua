-- Which cluster the stores of this history stand in.
-- KEYS: meta. ARGV[3] the uid of a cluster to keep, empty: only asked. ARGV[4] '1': instead of the one that is kept, and
-- also in a history that is in doubt.
local kept = redis.call('HGET', KEYS[1], 'cluster')
if ARGV[3] ~= '' and (ARGV[4] == '1' or not (kept or doubt)) then
  kept = ARGV[3]
  redis.call('HSET', KEYS[1], 'cluster', kept)
end
return {'cluster', kept or ''}
