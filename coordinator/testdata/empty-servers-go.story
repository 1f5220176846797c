# One server of four is empty: it goes, though the planner sees them for the
# first time. Two more empty: both go, and no one else.
group gpu slots=1 max=5 servers=4
model llama gpu slots=1 replicas=3
place gpu-0000 llama
place gpu-0002 llama
place gpu-0003 llama
run 4s every 2s
----
at 2s
  llama: 3: fixed count (serving 3, starting 0, draining 0)
at 4s
  now scale gpu to 3 -gpu-0001: server empty
expect servers gpu 3
expect on gpu-0000 llama

update model llama replicas=1
run 10s every 2s
----
at 6s
  llama: 1: fixed count (serving 3, starting 0, draining 0)
  now unroute llama on gpu/gpu-0002: replica spare
  now unroute llama on gpu/gpu-0003: replica spare
at 8s
  llama: 1: fixed count (serving 1, starting 0, draining 2)
  now unload llama on gpu/gpu-0002: drained
  now unload llama on gpu/gpu-0003: drained
at 10s
  llama: 1: fixed count (serving 1, starting 0, draining 0)
  now scale gpu to 1 -gpu-0002 -gpu-0003: server empty
expect servers gpu 1
expect serving llama 1
