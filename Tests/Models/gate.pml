/* Gate and Interception: two threads whose calls are slow ones, or map blocks, two that close the
 * gate, walk the heap and open it, one that begins to intercept. A slow call's plain store to «busy»
 * may wait in its processor's store buffer while later loads are done; membarrier drains the buffers.
 *     while somebody walks, nobody else is in the midst of a slow call or of one that maps
 *     once Interception.begin has returned, no call goes past it
 *     nobody waits for ever (invalid end states).
 * -DBUG: who closes the gate does without the barrier. */

#define WORKERS 2
#define CLOSERS 2
#define ROUNDS 2

#define OPEN 0
#define CLOSED 1
#define INTERCEPTED 2

bool gate = false;		/* closed */
bool locked = false;		/* Lock(.control) */
bool reasons = false;
byte header[WORKERS];		/* where each thread's word points */
bool busy[WORKERS];
bool buffered[WORKERS];		/* «busy» on its way to memory */
byte mappers = 0;

byte walkers = 0;
byte inside = 0;		/* threads in the midst of a call that a walk must not meet */
bool intercepts = false;	/* begin has returned */
byte working = WORKERS;

/* Gate.wait and the lock: the futex looks at the word again before it sleeps. */
inline wait_and_lock() {
	do
	:: !gate ->
		atomic { !locked -> locked = true }
		if
		:: !gate -> break
		:: else -> locked = false
		fi
	od
}

inline pass() {
	wait_and_lock();
	if
	:: reasons -> header[me] = INTERCEPTED
	:: else -> header[me] = OPEN
	fi;
	locked = false
}

inline call() { atomic { inside++; assert(walkers == 0) } atomic { assert(walkers == 0); inside-- } }

/* Heap.usableCache, then ThreadCache.beginChange. */
inline slow_call() {
	atomic { seen = header[me]; assert(seen != OPEN || !intercepts) }
	if
	:: seen == CLOSED -> pass()
	:: else
	fi;
	do
	:: true ->
		buffered[me] = true;
		if
		:: header[me] == CLOSED -> atomic { buffered[me] = false; busy[me] = false } pass()
		:: else -> break
		fi
	od;
	call();
	atomic { buffered[me] = false; busy[me] = false }
}

/* Gate.whileMapping. */
inline mapping_call() {
	do
	:: true ->
		mappers++;
		if
		:: !gate -> break
		:: else -> mappers--; !gate
		fi
	od;
	call();
	mappers--
}

active [WORKERS] proctype worker() {
	byte me = _pid, round = 0, seen;
	do
	:: round == ROUNDS -> break
	:: round < ROUNDS ->
		round++;
		if
		:: slow_call()
		:: mapping_call()
		fi
	od;
	working--
}

inline close_all() {
	index = 0;
	do
	:: index == WORKERS -> break
	:: index < WORKERS -> header[index] = CLOSED; index++
	od
}

inline barrier() {
	d_step {
		if :: buffered[0] -> buffered[0] = false; busy[0] = true :: else fi;
		if :: buffered[1] -> buffered[1] = false; busy[1] = true :: else fi
	}
}

active [CLOSERS] proctype closer() {
	byte index;
	wait_and_lock();
	gate = true;
	close_all();
	locked = false;
#ifndef BUG
	barrier();
#endif
	index = 0;
	do
	:: index == WORKERS -> break
	:: index < WORKERS -> !busy[index]; index++
	od;
	mappers == 0;
	atomic { walkers++; assert(walkers == 1 && inside == 0) }
	atomic { assert(inside == 0); walkers-- }
	gate = false
}

active proctype interceptor() {
	byte index;
	wait_and_lock();
	reasons = true;
	close_all();
	locked = false;
	intercepts = true
}

/* The store buffers drain some time. */
active proctype memory() {
	do
	:: atomic { buffered[0] -> buffered[0] = false; busy[0] = true }
	:: atomic { buffered[1] -> buffered[1] = false; busy[1] = true }
	:: working == 0 -> break
	od
}
