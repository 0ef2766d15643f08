/* TaggedStack: threads pop, pop all and push records. Each step below is one atomic access of the
 * Swift code. A record is held by at most one thread, and none is lost.
 * -DBUG: pops leave the tag as it is (the ABA problem). */

#define RECORDS 3
#define THREADS 2
#define ROUNDS 2

/* The head word; index 0 is «none». */
byte head_index = 1, head_tag = 0;
byte next[RECORDS + 1] = {0, 2, 3, 0};
byte holders[RECORDS + 1];
byte ended = 0;

#ifdef BUG
#define NEXT_TAG head_tag
#else
#define NEXT_TAG head_tag + 1
#endif

inline push(record) {
	d_step { assert(holders[record] == 1); holders[record] = 0; old_index = head_index; old_tag = head_tag }
	do
	:: true ->
		next[record] = old_index;
		atomic {
			if
			:: head_index == old_index && head_tag == old_tag -> head_index = record; break
			:: else -> old_index = head_index; old_tag = head_tag
			fi
		}
	od
}

inline pop() {
	d_step { mine = 0; old_index = head_index; old_tag = head_tag }
	do
	:: old_index == 0 -> break
	:: old_index != 0 ->
		link = next[old_index];
		atomic {
			if
			:: head_index == old_index && head_tag == old_tag ->
				head_index = link; head_tag = NEXT_TAG; mine = old_index;
				holders[mine]++; assert(holders[mine] == 1); break
			:: else -> old_index = head_index; old_tag = head_tag
			fi
		}
	od
}

/* Takes the chain with one exchange, then walks it and pushes the records again. */
inline pop_all() {
	atomic {
		chain = head_index; head_index = 0; head_tag = NEXT_TAG;
		/* All of the chain is the caller's from here on. */
		link = chain;
		do
		:: link != 0 -> holders[link]++; assert(holders[link] == 1); link = next[link]
		:: else -> break
		od
	}
	do
	:: chain == 0 -> break
	:: chain != 0 -> mine = chain; chain = next[mine]; push(mine)
	od
}

active [THREADS] proctype thread() {
	byte round = 0, mine = 0, other = 0, old_index, old_tag, link, chain;
	do
	:: round == ROUNDS -> break
	:: round < ROUNDS ->
		round++;
		if
		/* Two pops and pushes in the same or the other order: what makes ABA. */
		:: pop();
			if
			:: mine != 0 ->
				other = mine; pop();
				if
				:: mine != 0 -> push(other); push(mine)
				:: else -> push(other)
				fi
			:: else
			fi
		:: pop(); if :: mine != 0 -> push(mine) :: else fi
		:: pop_all()
		fi
	od;
	ended++
}

init {
	ended == THREADS;
	/* Every record is on the stack exactly once. */
	d_step {
		byte count = 0, at = head_index;
		do
		:: at != 0 -> assert(count < RECORDS); count++; at = next[at]
		:: else -> break
		od;
		assert(count == RECORDS)
	}
}
