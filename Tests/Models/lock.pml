/* Lock: a futex word of holder and «may have waiters». Threads take and release it; one of them
 * forks its way through it as `fork` does, by plain acquire and release.
 *     one holder at a time, and no thread sleeps for ever (invalid end states).
 * -DBUG: who wakes up takes the lock without keeping the flag, so that a second sleeper is lost. */

#define THREADS 3
#define ROUNDS 2

byte holder = 0;	/* 0: free */
bool waiters = false;
byte sleepers = 0;
byte wakes = 0;		/* wake-ups under way */
byte inside = 0;

inline critical() { inside++; assert(inside == 1); inside-- }

inline acquire() {
	taken = false;
	atomic { if :: holder == 0 -> holder = me; waiters = false; taken = true :: else fi }
	do
	:: taken -> break
	:: !taken ->
		atomic { old = holder; old_waiters = waiters }
		if
		:: old == 0 ->
			atomic {
				if
				:: holder == 0 ->
					holder = me; taken = true;
#ifdef BUG
					waiters = false
#else
					waiters = true
#endif
				:: else
				fi
			}
		:: else ->
			atomic {
				if
				:: old_waiters -> marked = true
				:: !old_waiters && holder == old && !waiters -> waiters = true; marked = true
				:: else -> marked = false
				fi
			}
			/* futex: sleeps only if the word is still what it was marked as. */
			if
			:: marked ->
				atomic {
					if
					:: holder == old && waiters -> sleepers++; asleep = true
					:: else -> asleep = false
					fi
				}
				if
				:: asleep -> atomic { wakes > 0 -> wakes--; asleep = false }
				:: else
				fi
			:: else
			fi
		fi
	od
}

inline release() {
	atomic { assert(holder == me); holder = 0; had_waiters = waiters; waiters = false }
	if
	:: had_waiters -> atomic { if :: sleepers > 0 -> sleepers--; wakes++ :: else fi }
	:: else
	fi
}

active [THREADS] proctype thread() {
	byte me = _pid + 1, round = 0, old;
	bool taken, old_waiters, marked, asleep, had_waiters;
	do
	:: round == ROUNDS -> break
	:: round < ROUNDS -> round++; acquire(); critical(); release()
	od
}
