/* recv_guard.h - what a peer of the bus says last does not end the process.
 *
 * libzmq 4.3.4 reads what a connection brings in pieces of 8 KiB. Where a queue of ours is full it
 * stops in the middle of one; ends the connection then, the rest is looked at when there is room
 * again, and a PING in it ends the process (!_io_error, src/stream_engine_base.cpp): some
 * subscriptions, a PING and a close in one go would do. So of what was accepted a piece ends where
 * a PING begins: then it is the first thing in its piece, which is read only while there is room.
 *
 * Linking this file replaces recv() and socket() in the whole process: for programs, never for a
 * library. Costs a second call for each read of an accepted connection, and a look into a table for
 * all others. Threads any. */
#ifndef BC_RECV_GUARD_H
#define BC_RECV_GUARD_H

/* This descriptor was accepted; until it is a new socket. */
void bc_recv_guard_accepted(int fd);

#endif
