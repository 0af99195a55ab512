-- Adds refusals to the audit. They have a stream of their own, so that a flood of them pushes no change out of it.
-- KEYS: meta, refusals. ARGV from 3: how many the stream keeps, then the entries.
if doubt then
  return {'doubt', doubt}
end
for i = 4, #ARGV do
  redis.call('XADD', KEYS[2], 'MAXLEN', '=', ARGV[3], '*', 'entry', ARGV[i])
end
return {'added'}
