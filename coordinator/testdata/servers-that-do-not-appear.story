# Two servers are ordered, and do not appear. They are not ordered again; when fewer
# replicas are wanted, as many of them are called off.
group gpu slots=1 max=9 servers=1
model llama gpu slots=1 replicas=3
place gpu-0000 llama
inject lost-boots
run 5m every 2s
----
at 2s
  llama: 3: fixed count (serving 1, starting 2, draining 0)
  now scale gpu to 3: no room
  later load llama on gpu: waits for a server that is ordered
  later load llama on gpu: waits for a server that is ordered
expect servers gpu 1
expect grown gpu 1

update model llama replicas=2
run 10s every 2s
----
at 5m2s
  llama: 2: fixed count (serving 1, starting 1, draining 0)
  now scale gpu to 2: server empty
update model llama replicas=1
inject none
run 30m every 2s
----
at 5m12s
  llama: 1: fixed count (serving 1, starting 0, draining 0)
  now scale gpu to 1: server empty
expect grown gpu 1
expect ordered gpu 1
