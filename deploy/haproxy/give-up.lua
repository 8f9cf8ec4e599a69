-- Gives up what a server that is DOWN still has under way: whoever got nothing of an answer yet is asked
-- for elsewhere (`retry-on empty-response`), a stream that has begun breaks off.
--
-- HAProxy's own `on-marked-down shutdown-sessions` does that at the very moment of DOWN. It then also ends
-- requests that are just connecting there, or were just refused, and those it does not send again: a crash
-- under load would fail some (tests/deploy/test_crashes.py). A server that is DOWN gets nothing new, and a
-- connection is there or not within `timeout connect`: a little later nobody is connecting any more.

local BACKENDS = { "chat", "admin" }
local PATIENCE = 1.1 -- seconds; longer than `timeout connect`
local PAUSE = 100 -- milliseconds from one look to the next

local down_since = {}

local function seconds()
  local now = core.now()
  return now.sec + now.usec / 1e6
end

local function look(key, server)
  if not server:get_stats().status:find("^DOWN") then
    down_since[key] = nil
    return
  end
  down_since[key] = down_since[key] or seconds()
  if seconds() - down_since[key] >= PATIENCE then
    server:shut_sess()
  end
end

core.register_task(function()
  while true do
    for _, backend in ipairs(BACKENDS) do
      for name, server in pairs(core.backends[backend].servers) do
        look(backend .. "/" .. name, server)
      end
    end
    core.msleep(PAUSE)
  end
end)
