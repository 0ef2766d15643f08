/* Sweep: threads that take whole lists away for a while, and forks, which wait until nobody does. Any
 * thread may get a signal between any two of its steps, whose handler forks.
 *     no thread has a list in its hands while the process is copied, but for a handler's own thread:
 *       there the fork does not wait, and other threads' lists may be lost to the child;
 *     nobody waits for ever.
 * -DBUG: sweeps are counted, and a thread notes that one is its own by a second step. */

#define THREADS 3
#define PLACES 2

byte place[PLACES] = 0;		/* whose; 0 for nobody */
byte count = 0;			/* with BUG */
byte forks = 0;
byte signals = 2;
byte in_hands = 0;		/* threads that have a list */

#ifdef BUG

#define here mine
inline wait_for_others() { count == 0 }
inline take() { count++; signal(); mine = true; taken = true }
inline leave() { mine = false; signal(); count-- }

#else

#define here (place[0] == me || place[1] == me)
inline wait_for_others() { place[0] == 0; place[1] == 0 }
inline take() {
	if
	:: atomic { place[0] == 0 -> place[0] = me }; at = 0; taken = true
	:: atomic { place[0] != 0 && place[1] == 0 -> place[1] = me }; at = 1; taken = true
	:: place[0] != 0 && place[1] != 0
	fi
}
inline leave() { assert(place[at] == me); place[at] = 0 }

#endif

/* prepareFork, the copy, resumeParent. */
inline fork() {
	forks++;
	if
	:: here
	:: else ->
		wait_for_others();
		assert(in_hands == 0)
	fi;
	forks--
}

inline signal() {
	if
	:: atomic { signals > 0 -> signals-- } fork()
	:: true
	fi
}

active [THREADS] proctype thread() {
	byte me = _pid + 1, at, seen;
	bool taken = false, mine = false;
	/* begin */
	do
	:: true ->
		signal();
		take();
		signal();
		if
		:: !taken
		:: taken ->
			seen = forks;
			signal();
			if
			:: seen == 0 -> break
			:: else ->
				leave();
				taken = false;
				signal();
				/* A futex: whoever changes the word wakes. */
				forks != seen
			fi
		fi
	od;
	signal();
	in_hands++;
	signal();
	in_hands--;
	signal();
	leave();
	signal()
}
