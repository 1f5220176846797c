# The planner is away for half a minute under a hundred requests a second, and
# the one after it has no memory: no request is lost or late, nothing shrinks.
group gpu slots=1 max=9 servers=2
model llama gpu slots=1 min=1 max=9 track=5
place gpu-0000 llama
place gpu-0001 llama
traffic llama 100 per 1s
always serving llama 2
nothing shrinks
run 10s every 2s
----
at 2s
  llama: 2: within tolerance (serving 2, starting 0, draining 0)
away 30s
restart
run 80s every 2s
----
expect serving llama 2
expect requests llama 12000 late 0s
