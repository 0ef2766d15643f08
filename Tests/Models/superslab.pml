/* A SuperSlab's word of free granules and its flag `listed`, the list of available SuperSlabs and
 * the pool of empty ones: one SuperSlab of two granules, threads that take and return granules.
 *     a granule has one owner, the SuperSlab is listed at most once;
 *     it is in the pool only while all of its granules are free;
 *     at the end it is listed or in the pool, whole.
 * -DBUG: who returns a granule looks at `listed` before it turns it on. */

#define GRANULES 2
#define ALL 3
#define THREADS 3
#define ROUNDS 2

byte free = 0;
bool listed = false;
byte on_list = 0;
bool in_pool = true;
byte out = 0;
byte ended = 0;

inline pop_listed() {
	atomic {
		got = false;
		if
		:: on_list == 1 -> on_list = 0; got = true
		:: else
		fi
	}
}

inline push() { atomic { assert(on_list == 0 && !in_pool); on_list = 1 } }

/* SuperSlab.takeGranules, a compare-and-swap in a loop; the caller holds the SuperSlab. */
inline take_one() {
	atomic {
		assert(free != 0 && listed);
		taken = (free & 1 -> 1 : 2);
		free = free & (ALL - taken);
		assert((out & taken) == 0); out = out | taken; mine = taken;
		is_last = (free == 0);
		if
		:: is_last -> listed = false
		:: else
		fi
	}
	if
	:: !is_last -> push()
	:: else
	fi
}

/* SuperSlabPool.takeGranules. */
inline take_granule() {
	pop_listed();
	if
	:: got -> take_one()
	:: else ->
		atomic { if :: in_pool -> in_pool = false; got = true :: else fi }
		if
		:: got -> atomic { assert(out == 0); free = ALL; listed = true } take_one()
		:: else	/* another SuperSlab would be made */
		fi
	fi
}

/* SuperSlabPool.retireEmpty: popAll, then a compare-and-swap each. */
inline retire_empty() {
	pop_listed();
	if
	:: got ->
		atomic {
			got = (free == ALL && listed);
			if
			:: got -> free = 0; listed = false
			:: else
			fi
		}
		if
		:: got -> atomic { assert(out == 0 && on_list == 0); in_pool = true }
		:: else -> push()
		fi
	:: else
	fi
}

/* SuperSlab.returnGranules, SuperSlabPool.putGranules. */
inline put_granule() {
	atomic {
		assert((free & mine) == 0 && (out & mine) == mine);
#ifdef BUG
		must_list = !listed
	}
	atomic {
#else
		must_list = !listed;
#endif
		listed = true;
		free = free | mine; out = out & (ALL - mine); mine = 0;
		is_empty = (free == ALL)
	}
	if
	:: must_list -> push()
	:: else
	fi;
	if
	:: is_empty -> retire_empty()
	:: else
	fi
}

active [THREADS] proctype thread() {
	byte round = 0, mine = 0, taken;
	bool got, is_last, must_list, is_empty;
	do
	:: round == ROUNDS -> break
	:: round < ROUNDS ->
		round++;
		if
		:: mine == 0 -> take_granule()
		:: mine != 0 -> put_granule()
		:: retire_empty()
		fi
	od;
	if
	:: mine != 0 -> put_granule()
	:: else
	fi;
	ended++;
	if
	:: ended == THREADS ->
		assert(in_pool || (on_list == 1 && free == ALL));
		assert(!(in_pool && on_list == 1))
	:: else
	fi
}
