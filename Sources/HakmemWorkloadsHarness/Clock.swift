import HakmemWorkloadsSystem

/// Monotonic time in nanoseconds.
package enum Clock {
  @inline(__always)
  package static func now() -> UInt64 { harness_now() }

  package static func sleep(milliseconds: Int) {
    harness_sleep(UInt64(milliseconds) &* 1_000_000)
  }
}

/// Converts time-stamp counter ticks to nanoseconds: nanoseconds = ticks × multiplier ÷ 2³².
package struct TickScale {
  package let multiplier: UInt64

  /// Compares the counter with the clock for 20 ms.
  package static func measured() -> TickScale {
    let startTime = Clock.now()
    let startTicks = harness_ticks()
    while Clock.now() &- startTime < 20_000_000 { harness_pause() }
    let ticks = harness_ticks() &- startTicks
    let time = Clock.now() &- startTime
    return TickScale(multiplier: (time << 32) / max(ticks, 1))
  }

  @inline(__always)
  package func nanoseconds(_ ticks: UInt64) -> UInt64 {
    // A call longer than 2³² ticks would overflow the product: scale it the other way round.
    ticks >> 32 == 0 ? (ticks &* multiplier) >> 32 : (ticks >> 32) &* multiplier
  }
}
