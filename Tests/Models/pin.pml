/* PinnedSlab: one thread at a time looks into a slab, whose holder retires it and makes it anew. A plain
 * store may wait in its processor's store buffer while later loads are done; a sequentially consistent
 * one drains the buffer first.
 *     a slab is never away while somebody looks into it
 *     a slab that is not pinned is retired (invalid end states).
 * -DBUG: the pin is a plain store. */

#define ROUNDS 2

bool pinned = false;		/* PinnedSlab.place holds the slab */
bool buffered = false;		/* the pin on its way to memory */
bool walking = false;
bool retiring = true;		/* record.isRetiring */
bool alive = false;		/* record.doubledClass */
bool inside = false;
byte looking = 2;

active [2] proctype looker() {
	byte round = 0;
	do
	:: round == ROUNDS -> break
	:: round < ROUNDS ->
		round++;
		if
		:: atomic { !walking -> walking = true }
			if
			:: alive ->
#ifdef BUG
				buffered = true;
#else
				pinned = true;
#endif
				if
				:: !retiring ->
					if
					:: alive ->
						atomic { assert(alive); inside = true }
						atomic { assert(alive); inside = false }
					:: else
					fi
				:: else
				fi;
				atomic { buffered = false; pinned = false }
			:: else
			fi;
			walking = false
		:: walking	/* another thread looks */
		fi
	od;
	looking--
}

active proctype holder() {
	byte round = 0;
	do
	:: round == ROUNDS -> break
	:: round < ROUNDS ->
		round++;
		retiring = false;
		alive = true;
		do
		:: retiring = true;
			if
			:: pinned -> retiring = false
			:: else -> break
			fi
		od;
		atomic { assert(!inside); alive = false }
	od
}

active proctype memory() {
	do
	:: atomic { buffered -> buffered = false; pinned = true }
	:: looking == 0 -> break
	od
}
