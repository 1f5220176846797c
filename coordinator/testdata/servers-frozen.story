# The number of servers is frozen, and a model needs more of them: what serves
# goes on, and the replicas without a place are refused: none waits for a server
# that nobody orders.
group gpu slots=1 max=9 servers=1
model llama gpu slots=1 min=1 max=9
place gpu-0000 llama
arrive llama 6
freeze group gpu 1h
always servers gpu 1
always serving llama 1
run 1m every 2s
----
at 2s
  llama: 3: target ratio 1->3 (serving 1, starting 0, draining 0)
  refused in gpu: 2 of llama refused: one of each
at 4s
  llama: 3: target ratio (serving 1, starting 0, draining 0)
expect desired llama 3
expect serving llama 1
expect refused llama 2
