"""Starts a program with sockets passed by name, as a service manager does (sd_listen_fds(3)).

launch.py PROGRAM CONFIG NAME=KIND:ADDRESS:PORT...    KIND is tcp or udp
"""

import os
import socket
import sys

program, config, wanted = sys.argv[1], sys.argv[2], sys.argv[3:]
made, names = [], []
for wish in wanted:
    name, rest = wish.split("=", 1)
    kind, address, port = rest.split(":")
    if kind == "tcp":
        made.append(socket.create_server((address, int(port)), backlog=128))
    else:
        made.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        made[-1].bind((address, int(port)))
    names.append(name)
# First to high numbers, so that none is overwritten before it is handed over.
high = [os.dup2(one.fileno(), 200 + index) for index, one in enumerate(made)]
for index, descriptor in enumerate(high):
    os.dup2(descriptor, 3 + index, inheritable=True)
    os.close(descriptor)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(made)), LISTEN_FDNAMES=":".join(names))
os.execv(program, [program, "serve", "--config", config])
