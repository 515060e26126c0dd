// Package observe checks assertions on datasets by itself: on a schedule from a
// local file it looks at what GMS or a warehouse knows of a dataset, compares
// that with what the file expects, and reports the result as assertionRunEvent.
// DataHub Cloud sends such work through a channel that is not public; a file
// works with every server.
//
//	file, err := observe.Load(path)
//	service, err := observe.New(observe.Options{File: file, Server: gmsClient, Warehouse: runner, Dir: stateDir})
//	err = service.Run(ctx) // until ctx ends
//
// Kinds of monitors and where they look:
//
//	freshness  the latest operation of the dataset
//	volume     the row count of its latest profile
//	field      a metric of a field in that profile
//	schema     its schemaMetadata
//	sql        one number that a SELECT in the warehouse returns
//
// What can't be evaluated ends in a result of type ERROR with the reason, never
// in silence.
package observe
