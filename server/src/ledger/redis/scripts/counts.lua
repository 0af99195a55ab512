-- How many stores each tenant has, and how many it may have.
-- KEYS[4] has of each tenant '<stores> <time>': how many stores it has, and until when, in microseconds of Redis time, its
-- earlier creates take up its rate (the theoretical arrival time of the generic cell rate algorithm).
-- `counted` of meta is the last change that was counted, as '<epoch> <revision>'. A server of an older version writes
-- without counting: what it has written is counted before the next write, from the log; from all records, where the log does
-- not tell.
local REPLAY, MINUTE = 1000, 60000000

local function held(tenant)
  local stores, till = string.match(redis.call('HGET', KEYS[4], tenant) or '', '^(%d+) (%d+)$')
  return tonumber(stores) or 0, tonumber(till) or 0
end

local function hold(tenant, stores, till)
  redis.call('HSET', KEYS[4], tenant, string.format('%.0f %.0f', math.max(stores, 0), till))
end

-- The tenant of a record; nil if it has none, or cannot be read.
local function tenant_of(record)
  local read, known = pcall(cjson.decode, record)
  if read and type(known) == 'table' then
    return type(known.tenant) == 'string' and known.tenant or nil, known.state
  end
end

-- Counts the changes after `from`. False if they do not say what they changed.
local function replay(from)
  local entries = redis.call('XRANGE', KEYS[2], string.format('%.0f-0', from + 1), '+', 'COUNT', REPLAY)
  if #entries ~= revision - from then
    return false
  end
  local changes = {}
  for _, entry in ipairs(entries) do
    local fields = {}
    for i = 1, #entry[2], 2 do
      fields[entry[2][i]] = entry[2][i + 1]
    end
    if fields.epoch ~= epoch then
      return false
    end
    if not fields.kind or fields.kind == 'store' then
      local tenant, state = tenant_of(fields.record or '')
      if not fields.before or not state then
        return false
      end
      local was = fields.before ~= '' and fields.before ~= 'DELETED' and 1 or 0
      if tenant then
        changes[tenant] = (changes[tenant] or 0) + (state ~= 'DELETED' and 1 or 0) - was
      end
    end
  end
  for tenant, change in pairs(changes) do
    local stores, till = held(tenant)
    hold(tenant, stores + change, till)
  end
  return true
end

-- Calls `with` for each field of a hash, once.
local function each(hash, with)
  local cursor, seen = '0', {}
  repeat
    local page = redis.call('HSCAN', hash, cursor, 'COUNT', 1000)
    cursor = page[1]
    for i = 1, #page[2], 2 do
      local field = page[2][i]
      if not seen[field] then
        seen[field] = true
        with(field, page[2][i + 1])
      end
    end
  until cursor == '0'
end

-- Counts all records.
local function recount()
  local counts = {}
  each(KEYS[5], function(_, value)
    local mark, record = string.match(value, '^%d+ (%a) %S+ (.*)$')
    -- Most of the time is the decoding; a text has quotes with a backslash before them, so that this is the name of a field.
    if mark == 'L' and string.find(record, '"tenant"', 1, true) then
      local tenant = tenant_of(record)
      if tenant then
        counts[tenant] = (counts[tenant] or 0) + 1
      end
    end
  end)
  local tills = {}
  each(KEYS[4], function(tenant, value)
    tills[tenant] = tonumber(string.match(value, '^%d+ (%d+)$')) or 0
    counts[tenant] = counts[tenant] or 0
  end)
  for tenant, stores in pairs(counts) do
    hold(tenant, stores, tills[tenant] or 0)
  end
end

local function catch_up()
  local of, from = string.match(counted or '', '^(%S+) (%d+)$')
  from = tonumber(from)
  if of == epoch and from == revision then
    return
  end
  if of ~= epoch or from > revision or revision - from > REPLAY or not replay(from) then
    recount()
  end
end

-- The limits of a tenant, where there are none of its own those of `quota`: '<stores> <creates a minute> <open or closed>',
-- '-' for no limit. Nothing if it is not declared, and has to be.
local function limits(tenant, quota)
  local stores, rate, tenants = string.match(quota, '^(%S+) (%S+) (%S+)$')
  local mark, record = string.match(redis.call('HGET', KEYS[6], tenant) or '', '^%d+ (%a) %S+ (.*)$')
  if mark == 'L' then
    local read, known = pcall(cjson.decode, record)
    local own = read and type(known) == 'table' and known.limits
    if type(own) == 'table' then
      stores, rate = own.stores or stores, own.creates_per_minute or rate
    end
  elseif tenants == 'closed' then
    return nil
  end
  return {stores = tonumber(stores), rate = tonumber(rate)}
end

-- Whether the tenant may have one more store: nothing, or the refusal. And until when its rate is taken up then.
local function admit(tenant, quota, stores, till)
  local most = limits(tenant, quota)
  if not most then
    return {'denied', 'undeclared'}
  end
  if most.stores and stores >= most.stores then
    return {'denied', 'stores', string.format('%.0f', most.stores)}
  end
  if most.rate then
    local time = redis.call('TIME')
    local now = time[1] * 1000000 + time[2]
    till = math.max(till, now) + math.floor(MINUTE / most.rate)
    if till - now > MINUTE then
      return {'denied', 'rate', string.format('%.0f', most.rate), string.format('%.0f', till - now - MINUTE)}
    end
  end
  return nil, till
end
