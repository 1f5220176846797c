# A policy takes silence for zero. The planner does not: it holds the count until the
# metrics are back, and says why.
group gpu slots=1 max=4 servers=3
model llama gpu slots=1 min=1 max=4 hasty=2
place gpu-0000 llama
place gpu-0001 llama
place gpu-0002 llama
arrive llama 6
run 4s every 2s
----
at 2s
  llama: 3: hasty (serving 3, starting 0, draining 0)
inject no-metrics
nothing moves
run 1h every 2s
----
at 6s
  llama: 3: hasty 3->0; silence 0->3 (serving 3, starting 0, draining 0)
expect desired llama 3
inject failed-metrics
run 1h every 2s
----
inject none
run 10s every 2s
----
at 2h0m6s
  llama: 3: hasty (serving 3, starting 0, draining 0)
expect serving llama 3
