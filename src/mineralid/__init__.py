"""mineralid"""
