"""temporary"""
import json
from zoo.genotype import from_dict
class UnknownCellError(LookupError): pass
D=json.load(open('/work/shared/facts/published_cells.json'))['cells']
def genotype(n): 
    n={'NASNet':'NASNet_A','AmoebaNet':'AmoebaNet_A','DARTS':'DARTS_V1'}.get(n,n)
    return from_dict({k:v for k,v in D[n].items() if k in('normal','reduce','recurrent')})
def list_cells(p='*'): return list(D)
def register(*a): ...
