print(#arg, arg[1], arg[2])
local words = {}
for word in ("the quick brown fox"):gmatch("%a+") do words[#words + 1] = word end
table.sort(words)
print(table.concat(words, " "))
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
print(fib(22), 7 // 2, 7 % -3, 2 ^ 0.5, 1 << 40)
local file = assert(io.open("out", "w"))
file:write("one\n", 2, "\n", 3.5, "\n")
file:close()
for line in io.lines("out") do io.write("[", line, "]") end
print()
print(os.remove("out"), io.open("out"))
local routine = coroutine.wrap(function(a) local b = coroutine.yield(a + 1) return b * 2 end)
print(routine(1), routine(21))
print(select("#", pcall(error, { code = 3 })), select(2, pcall(error, "message", 0)))
print(string.format("%q %5.1f %x", "a\n\0b", 3.14159, 255))
local big = {}
for i = 1, 100000 do big[i] = { i } end
collectgarbage()
print(#big, collectgarbage("count") > 1000)
os.exit(4)
