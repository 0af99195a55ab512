-- Writes a record, appends it to the log and keeps the operation's answer, all or nothing.
-- KEYS: meta, records of the kind, log, claims, tombstones of the kind, counts, stores, tenants, audit, and the operation
--       if there is one.
-- ARGV from 3: id, attempt, expected revision ('' = vacant), fence ('' = none), operation's digest,
--              operation's window in seconds, mark (L live, D deleted), record, length of the history,
--              name of the claim, kind ('' = store), tenant of the store ('' = none), quota ('' = none),
--              entry of the audit ('' = none), how many of these are kept, labels of the store ('' = no store).
-- A stored value is '<revision> <mark> <attempt>:<revision>,... <record>'.
-- Whether two sets of labels are the same.
local function same(one, other)
  for key, value in pairs(one) do
    if other[key] ~= value then
      return false
    end
  end
  for key in pairs(other) do
    if one[key] == nil then
      return false
    end
  end
  return true
end

if doubt then
  return {'doubt', doubt}
end
local id, attempt, expected, fence = ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local digest, window, mark, record, history = ARGV[7], ARGV[8], ARGV[9], ARGV[10], ARGV[11]
local claimed, kind, tenant, quota = ARGV[12], ARGV[13], ARGV[14], ARGV[15]
local current = redis.call('HGET', KEYS[2], id)
local position, current_mark, attempts
if current then
  position, current_mark, attempts = string.match(current, '^(%d+) (%a) (%S+) ')
  if not position then
    -- Not a stored value: only this resource is concerned.
    return {'headless'}
  end
end

-- The same call, delivered before: what is remembered of the last attempts answers it.
local remembered = {}
if attempts then
  for earlier, at in string.gmatch(attempts, '(%x+):(%d+)') do
    if earlier == attempt then
      return synced() or {'applied', at}
    end
    if #remembered < 7 then
      table.insert(remembered, earlier .. ':' .. at)
    end
  end
end

if KEYS[10] then
  local known = redis.call('GET', KEYS[10])
  if known then
    local known_digest, answer = string.match(known, '^(%S*) (.*)$')
    if known_digest ~= digest then
      return {'reused'}
    end
    if answer == '' then
      return synced() or {'nothing'}
    end
    return synced() or {'repeated', answer}
  end
end

if expected == '' then
  if current and current_mark ~= 'D' then
    return {'conflict', current}
  end
elseif position ~= expected then
  return {'conflict', current}
end

if fence ~= '' then
  local claim = redis.call('HGET', KEYS[4], claimed)
  if not claim or string.match(claim, '^(%d+) ') ~= fence then
    return {'fenced'}
  end
end

-- The count is brought up to date here, with the first write: what is refused before this needs none.
catch_up()
local change, stores, till = 0, 0, 0
if kind == '' and tenant ~= '' then
  change = (mark ~= 'D' and 1 or 0) - (current and current_mark ~= 'D' and 1 or 0)
end
if change ~= 0 then
  stores, till = held(tenant)
end
if change > 0 and quota ~= '' then
  local refused
  refused, till = admit(tenant, quota, stores, till)
  if refused then
    return refused
  end
elseif kind == 'tenant' and mark == 'D' and quota ~= '' and held(id) > 0 then
  return {'denied', 'notempty', string.format('%.0f', (held(id)))}
end

-- What the store was before, for readers that begin here. The creation of another store in the place of an ended one
-- has nothing before it. A record that cannot be read leaves it open; the caller who read it has failed already.
local about = {'before', ''}
if kind ~= '' then
  about = {'kind', kind}
elseif expected ~= '' then
  local read, known = pcall(cjson.decode, string.match(current, '^%d+ %a %S+ (.*)$'))
  about = {}
  if read and type(known) == 'table' and known.state then
    about = {'before', known.state}
    local were = type(known.labels) == 'table' and known.labels or {}
    -- Only where they change: an entry without them has those of its record.
    if not same(were, cjson.decode(ARGV[18])) then
      about = {'before', known.state, 'before_labels', cjson.encode(were)}
    end
  end
end

-- Nothing but counts was written so far. The first write is refused as a whole when there is no room, the later ones are not,
-- and XADD refuses a position that the log has passed. The index of tombstones goes before it because a tombstone too
-- many in the index is passed over by the sweep, and one too few would stay for ever.
local written = string.format('%.0f', revision + 1)
if mark == 'D' then
  local now = redis.call('TIME')
  redis.call('ZADD', KEYS[5], string.format('%.0f', now[1] * 1000000 + now[2]), id)
end
redis.call('XADD', KEYS[3], 'MAXLEN', '=', history, written .. '-0', 'epoch', epoch, 'record', record, 'tip', attempt,
  'prev', tip or '', 'id', id, unpack(about))
table.insert(remembered, 1, attempt .. ':' .. written)
local value = written .. ' ' .. mark .. ' ' .. table.concat(remembered, ',') .. ' ' .. record
redis.call('HSET', KEYS[2], id, value)
redis.call('HSET', KEYS[1], 'revision', written, 'tip', attempt, 'counted', epoch .. ' ' .. written)
if change ~= 0 then
  hold(tenant, stores + change, till)
end
if mark ~= 'D' and current_mark == 'D' then
  redis.call('ZREM', KEYS[5], id)
end
if ARGV[16] ~= '' then
  redis.call('XADD', KEYS[9], 'MAXLEN', '=', ARGV[17], '*', 'entry', ARGV[16], 'revision', written)
end
if KEYS[10] then
  redis.call('SET', KEYS[10], digest .. ' ' .. value, 'EX', window)
end
return {'applied', written}
