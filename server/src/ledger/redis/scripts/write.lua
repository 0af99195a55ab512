-- Writes records, appends each to the log and keeps the operations' answers; each write is all or nothing, and for itself.
-- KEYS: meta, log, claims, counts, stores, tenants, audit, and of each write: records of the kind, tombstones of the kind,
--       and the operation if there is one.
-- ARGV from 3: length of the history, how many entries of the audit are kept, an operation's window in seconds, and of
--              each write: id, attempt, expected revision ('' = vacant), fence ('' = none), operation ('' = none; else '+'
--              and its digest), mark (L live, D deleted), record, name of the claim, kind ('' = store), tenant of the store
--              ('' = none), quota ('' = none), entry of the audit ('' = none), labels of the store ('' = no store).
-- Answers 'written' and an answer for each write.
-- A stored value is '<revision> <mark> <attempt>:<revision>,... <record>'.
local SHARED_KEYS, SHARED_ARGS, ARGS = 7, 5, 13
local history, kept, window = ARGV[3], ARGV[4], ARGV[5]

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

-- What the store was before, for readers that begin here. The creation of another store in the place of an ended one
-- has nothing before it. A record that cannot be read leaves it open; the caller who read it has failed already.
local function before(write, current)
  if write.kind ~= '' then
    return {'kind', write.kind}
  elseif write.expected == '' then
    return {'before', ''}
  end
  local read, known = pcall(cjson.decode, string.match(current, '^%d+ %a %S+ (.*)$'))
  if not read or type(known) ~= 'table' or not known.state then
    return {}
  end
  local were = type(known.labels) == 'table' and known.labels or {}
  -- Only where they change: an entry without them has those of its record.
  if same(were, cjson.decode(write.labels)) then
    return {'before', known.state}
  end
  return {'before', known.state, 'before_labels', cjson.encode(were)}
end

-- The answer to a call that was delivered before, from what is remembered of the last attempts; and what to remember.
local function repeated(write, attempts)
  local remembered = {}
  if attempts then
    for earlier, at in string.gmatch(attempts, '(%x+):(%d+)') do
      if earlier == write.attempt then
        return synced(write.attempt) or {'applied', at}
      end
      if #remembered < 7 then
        table.insert(remembered, earlier .. ':' .. at)
      end
    end
  end
  local known = write.operation and redis.call('GET', write.operation)
  if known then
    local digest, answer = string.match(known, '^(%S*) (.*)$')
    if digest ~= write.digest then
      return {'reused'}
    end
    return synced(write.attempt) or (answer == '' and {'nothing'} or {'repeated', answer})
  end
  return nil, remembered
end

-- Why the write is refused, if it is; and the tenant's count of stores and its rate after it, if it changes them.
local function admitted(write, current_mark)
  -- The count is brought up to date here, with the first write: what is refused before this needs none.
  catch_up()
  local change, stores, till = 0, 0, 0
  if write.kind == '' and write.tenant ~= '' then
    change = (write.mark ~= 'D' and 1 or 0) - (current_mark and current_mark ~= 'D' and 1 or 0)
  end
  if change ~= 0 then
    stores, till = held(write.tenant)
  end
  if change > 0 and write.quota ~= '' then
    local refused
    refused, till = admit(write.tenant, write.quota, stores, till)
    if refused then
      return refused
    end
  elseif write.kind == 'tenant' and write.mark == 'D' and write.quota ~= '' and held(write.id) > 0 then
    return {'denied', 'notempty', string.format('%.0f', (held(write.id)))}
  end
  return nil, change ~= 0 and {stores = stores + change, till = till}
end

-- Nothing but counts was written so far. The first write is refused as a whole when there is no room, the later ones are not,
-- and XADD refuses a position that the log has passed. The index of tombstones goes before it because a tombstone too
-- many in the index is passed over by the sweep, and one too few would stay for ever.
local function put(write, remembered, current_mark, about)
  local written = string.format('%.0f', revision + 1)
  if write.mark == 'D' then
    local now = redis.call('TIME')
    redis.call('ZADD', write.tombstones, string.format('%.0f', now[1] * 1000000 + now[2]), write.id)
  end
  redis.call('XADD', KEYS[2], 'MAXLEN', '=', history, written .. '-0', 'epoch', epoch, 'record', write.record,
    'tip', write.attempt, 'prev', tip or '', 'id', write.id, unpack(about))
  table.insert(remembered, 1, write.attempt .. ':' .. written)
  local value = written .. ' ' .. write.mark .. ' ' .. table.concat(remembered, ',') .. ' ' .. write.record
  redis.call('HSET', write.records, write.id, value)
  counted = epoch .. ' ' .. written
  redis.call('HSET', KEYS[1], 'revision', written, 'tip', write.attempt, 'counted', counted)
  revision, tip = revision + 1, write.attempt
  if write.mark ~= 'D' and current_mark == 'D' then
    redis.call('ZREM', write.tombstones, write.id)
  end
  if write.audit ~= '' then
    redis.call('XADD', KEYS[7], 'MAXLEN', '=', kept, '*', 'entry', write.audit, 'revision', written)
  end
  if write.operation then
    redis.call('SET', write.operation, write.digest .. ' ' .. value, 'EX', window)
  end
  return {'applied', written}
end

local function apply(write)
  local current = redis.call('HGET', write.records, write.id)
  local position, current_mark, attempts
  if current then
    position, current_mark, attempts = string.match(current, '^(%d+) (%a) (%S+) ')
    if not position then
      -- Not a stored value: only this resource is concerned.
      return {'headless'}
    end
  end
  local answer, remembered = repeated(write, attempts)
  if answer then
    return answer
  end
  if write.expected == '' then
    if current and current_mark ~= 'D' then
      return {'conflict', current}
    end
  elseif position ~= write.expected then
    return {'conflict', current}
  end
  if write.fence ~= '' then
    local claim = redis.call('HGET', KEYS[3], write.claim)
    if not claim or string.match(claim, '^(%d+) ') ~= write.fence then
      return {'fenced'}
    end
  end
  local refused, counts = admitted(write, current_mark)
  if refused then
    return refused
  end
  local applied = put(write, remembered, current_mark, before(write, current))
  if counts then
    hold(write.tenant, counts.stores, counts.till)
  end
  return applied
end

-- The next write of the arguments, and where the one after it begins.
local function parse(arg, key)
  local a = ARGV
  local write = {
    id = a[arg], attempt = a[arg + 1], expected = a[arg + 2], fence = a[arg + 3], mark = a[arg + 5], record = a[arg + 6],
    claim = a[arg + 7], kind = a[arg + 8], tenant = a[arg + 9], quota = a[arg + 10], audit = a[arg + 11],
    labels = a[arg + 12], records = KEYS[key], tombstones = KEYS[key + 1],
  }
  if a[arg + 4] == '' then
    return write, arg + ARGS, key + 2
  end
  write.digest, write.operation = string.sub(a[arg + 4], 2), KEYS[key + 2]
  return write, arg + ARGS, key + 3
end

if doubt then
  return {'doubt', doubt}
end
local answers, alike = {'written'}, nil
local arg, key = SHARED_ARGS + 1, SHARED_KEYS + 1
while arg <= #ARGV do
  local write
  write, arg, key = parse(arg, key)
  local done, answer = pcall(apply, write)
  local failure = not done and answer or answer.err and answer
  if failure then
    failure = type(failure) == 'table' and failure.err or tostring(failure)
    answer = {'failed', failure}
  end
  -- The failure of all writes is that of the server: it has no room, say, or takes no writes.
  if #answers == 1 then
    alike = failure
  elseif alike ~= failure then
    alike = nil
  end
  table.insert(answers, answer)
end
return alike and redis.error_reply(alike) or answers
