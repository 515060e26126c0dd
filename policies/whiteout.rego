# METADATA
# title: No whiteouts
# description: No layer deletes a file of a lower one.
# custom:
#   id: LF006-whiteout
#   severity: high
#   fix: leave the file out of the layer that brings it instead of deleting it later
package lockforge.layers.whiteout

# Having none is the normal case, so an empty list counts as collected.
ready if is_array(input.whiteouts)

deny contains finding if {
	some place in input.whiteouts
	finding := {
		"msg": "a layer deletes a path of a lower layer",
		"path": place.path,
		"layer": place.layer,
		"evidence": "whiteout",
	}
}
