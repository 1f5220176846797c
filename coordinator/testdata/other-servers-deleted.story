# Servers of another group are deleted under their models: those of this group do
# not notice.
group cpu slots=1 max=2 servers=2
group gpu slots=1 max=2 servers=2
model llama gpu slots=1 replicas=2
model whisper cpu slots=1 replicas=2
place gpu-0000 llama
place gpu-0001 llama
place cpu-0000 whisper
place cpu-0001 whisper
always serving llama 2
run 4s every 2s
----
at 2s
  llama: 2: fixed count (serving 2, starting 0, draining 0)
  whisper: 2: fixed count (serving 2, starting 0, draining 0)
expect loads llama 0
gone cpu-0000 cpu-0001
run 20s every 2s
----
at 6s
  whisper: 2: fixed count (serving 0, starting 2, draining 0)
  later load whisper on cpu/cpu-0002: waits for the server to be up
  later load whisper on cpu/cpu-0003: waits for the server to be up
at 16s
  now load whisper on cpu/cpu-0002: replica short
  now load whisper on cpu/cpu-0003: replica short
at 18s
  later route whisper on cpu/cpu-0002: waits for the load
  later route whisper on cpu/cpu-0003: waits for the load
at 20s
  now route whisper on cpu/cpu-0002: replica loaded
  now route whisper on cpu/cpu-0003: replica loaded
at 22s
  whisper: 2: fixed count (serving 2, starting 0, draining 0)
expect serving llama 2
expect loads llama 0
expect serving whisper 2
