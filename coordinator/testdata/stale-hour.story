# For an hour the metrics repeat what they said last, and say how old it is:
# nothing shrinks.
group gpu slots=1 max=4 servers=3
model llama gpu slots=1 min=1 max=4
place gpu-0000 llama
place gpu-0001 llama
place gpu-0002 llama
arrive llama 1
inject stale-metrics
nothing moves
run 1h every 2s
----
at 2s
  llama: 3: signal not ok (serving 3, starting 0, draining 0)
expect serving llama 3
