package enum Page { package static func html(_ r: BenchResult, baseline: BenchResult?) throws -> String { "" } }
