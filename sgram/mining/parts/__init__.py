"""Mining by parts: exact counts of traces that no single machine holds, with files as the protocol.

The method is that of Savasere, Omiecinski and Navathe (1995): a gram in at least a share of all traces is in at least
that share of the traces of some part. Each part counts alone with the same share; the parts' grams are united; each
part counts exactly the union; the counts are added up. Steps are functions of files, so that they run on any machines
that share a folder, in any order within a step, and again after they were killed.

=========  ==========  ===========================================================  =================================
step       runs        reads                                                        writes
=========  ==========  ===========================================================  =================================
split      once        traces                                                       ``split/*.arrays``, ``plan.json``
part       each part   its files of the split                                       ``part/NAME.arrays``
union      once        all of ``part/``                                             ``union.arrays``
count      each part   its files of the split, the union                            ``count/NAME.arrays``
choose     once        all of ``count/``                                            ``choice.arrays``
describe   each part   its files of the split, the choice                           ``describe/NAME.arrays``
join       once        all of them; runs what is missing                            the lexicon
=========  ==========  ===========================================================  =================================
"""
