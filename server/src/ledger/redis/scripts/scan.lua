-- One page of all stored values of one kind: the next cursor, then ids and values in turn.
-- KEYS: meta, records of the kind. ARGV from 3: cursor, about how many.
return {'page', redis.call('HSCAN', KEYS[2], ARGV[3], 'COUNT', ARGV[4])}
