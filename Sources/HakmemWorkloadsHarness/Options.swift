/// The parameters that every workload has.
package struct Options {
  /// Length of the timed part in nanoseconds, when `operations` is 0.
  package var nanoseconds: Int
  /// Operations of the timed part over all threads; 0: as many as fit into `nanoseconds`.
  package var operations: Int
  package var threads: Int
  package var seed: UInt64
  /// Whether each call is timed.
  package var latency: Bool
  /// Length of the warm-up in percent of the timed part.
  package var warmUpPercent: Int
  /// Milliseconds to wait after the work before resident memory is measured.
  package var settleMilliseconds: Int
  /// While waiting, a malloc and free of each small size every so many milliseconds; 0: idle.
  package var pulseMilliseconds: Int
  /// Whether the loop runs without an allocator.
  package var floor: Bool

  /// The values for a workload that does not say otherwise.
  package struct Defaults {
    package var milliseconds = 1000
    package var threads = 1
    package var warmUpPercent = 10
    package var settleMilliseconds = 0

    package init() {}

    /// Memory workloads: one round, no warm-up, and time for memory to come back.
    package static var memory: Defaults {
      var defaults = Defaults()
      defaults.warmUpPercent = 0
      defaults.settleMilliseconds = 2000
      return defaults
    }
  }

  package static let maximumThreads = 4096

  @export(interface)
  package init(_ parameters: inout Parameters, defaults: Defaults, hasFloor: Bool) {
    nanoseconds = parameters.duration(
      "seconds", default: defaults.milliseconds * 1_000_000, in: 1_000_000...86_400_000_000_000)
    operations = parameters.integer("operations", default: 0, in: 0...(1 << 50))
    threads = parameters.integer(
      "threads", default: defaults.threads, in: 1...Options.maximumThreads)
    seed = UInt64(parameters.integer("seed", default: 42, in: 0...(1 << 62)))
    latency = parameters.flag("latency", default: false)
    warmUpPercent = parameters.integer(
      "warmup", default: defaults.warmUpPercent, in: 0...1000)
    settleMilliseconds = parameters.integer(
      "settle", alias: "wait", default: defaults.settleMilliseconds, in: 0...3_600_000)
    pulseMilliseconds = parameters.integer("pulse", default: 0, in: 0...60_000)
    floor = parameters.flag("floor", default: false)
    if floor && !hasFloor { parameters.reject("floor", because: "this workload has none") }
    if floor && latency { parameters.reject("latency", because: "not together with floor=1") }
  }
}
